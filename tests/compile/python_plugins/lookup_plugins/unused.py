# a lookup nobody asks
