# a lookup
