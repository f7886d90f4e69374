"""The engine in a child process, and the client that both front ends speak to."""
