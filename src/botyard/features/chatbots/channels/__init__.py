"""Where people meet a chatbot beside the API: a widget on web pages, a bot on Telegram."""
