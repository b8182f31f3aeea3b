"""The distribution specification's client: resolve, fetch, push, credentials, mirrors, referrers."""
