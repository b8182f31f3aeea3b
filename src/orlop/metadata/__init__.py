"""The database: namespaces, images, leases, labels, and the collection of what none of them needs."""
