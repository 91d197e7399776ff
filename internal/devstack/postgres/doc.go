// Package postgres runs a PostgreSQL server for development and tests. It finds the programs on this machine
// or downloads them, creates a cluster in a directory, and runs it on the loopback interface until it is
// stopped or this process ends. For a server that somebody else runs, use its DSN instead.
//
// The server listens on TCP with a generated password.
package postgres
