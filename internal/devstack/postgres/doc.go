// Package postgres runs a PostgreSQL server for development and tests: it finds the programs on this machine
// or fetches them, makes a cluster in a directory, and runs it on the loopback interface until it is stopped
// or this process ends. A database that somebody else runs needs nothing from here: use its DSN.
//
// Only TCP is served, behind a generated password. A Unix socket would be shorter, but its path may not be
// longer than about 100 bytes, and people keep projects in deep directories.
package postgres
