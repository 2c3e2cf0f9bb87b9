"""What pytest leaves to people: the script needs atheris and runs for as long as they like."""

collect_ignore = ["atheris_readers.py"]
