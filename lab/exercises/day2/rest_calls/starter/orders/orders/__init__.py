"""Orders, in a process of their own: who places one is asked of the users service, over the network."""
