"""What runs around the course: the environment, `sync`, and the table of its notebooks."""
