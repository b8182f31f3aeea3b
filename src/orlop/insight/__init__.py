"""Plans and configurations told to people: `explain` and `diff`. Pure: no I/O, and no look at the host."""
