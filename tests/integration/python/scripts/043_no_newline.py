print("no newline at the end")
raise SystemExit("end")