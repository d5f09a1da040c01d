"""What a chatbot was given to read, and the answers it finds there, each with where it stands."""
