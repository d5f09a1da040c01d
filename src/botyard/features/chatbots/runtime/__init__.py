"""What a chatbot does with what it is told: pure, without any I/O, so that every conversation can be replayed."""
