"""The options of the commands: how they are grouped in the help, and those that several commands share."""
