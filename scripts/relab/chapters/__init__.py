"""What each chapter of the report computes for itself: its scores, tables and figures."""
