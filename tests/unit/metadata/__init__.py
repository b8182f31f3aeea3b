"""Tests of metadata/: a package, so that its tests share their fakes and its worker can be run as a program."""
