// Package testkit has what tests of several packages share: a real, migrated database per test.
//
// All test processes of a user share one PostgreSQL server. The first that needs a database starts it (about
// a second) in a separate process, the keeper: the same test binary, which an environment variable turns into
// the keeper. The server's data is in the user's cache directory and does not survive a crash. The server
// stops and deletes its data when no test has been connected for a minute, so there is nothing to stop or to
// clean up.
package testkit
