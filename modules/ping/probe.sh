emit '' ping pong
