// Package testkit is what tests of several packages share: for now a real, migrated database per test. What
// only one package's tests need stays beside them.
//
// All test processes of a user share one PostgreSQL server. The first that needs a database starts it (about
// a second), in a process of its own, the keeper: the same test binary, told by its environment to do nothing
// else. The server lives in the user's cache directory, keeps nothing safe from a crash, and goes away with
// all it holds when no test has been connected to it for a minute. There is nothing to stop and nothing to
// clean.
package testkit
