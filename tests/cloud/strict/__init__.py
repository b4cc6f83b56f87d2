"""Rules that close the gaps between moto and AWS; see strict_moto.py."""
