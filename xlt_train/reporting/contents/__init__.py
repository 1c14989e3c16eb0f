"""What a report holds: systems in, sections out. Each file is one question that a results section answers."""
