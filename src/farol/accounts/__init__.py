"""Who uses the pages: users and their roles, sessions, what each may see and why, and the audit of what they did."""
