"""What `kztasks api`, `kztasks scheduler` and `kztasks dev` are made of. Wiring, no rules."""
