"""Voice of chatbots: texts become sound, sound becomes text, by engines that may or may not be installed."""
