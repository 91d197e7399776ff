// Package sweep keeps the catalog equal to its sources. A sweep reads all pages of a source, stages what they
// bring, and commits the difference at once: only a complete sweep changes the catalog, and one that would
// remove too much waits for a person. The package has the record of sweeps (Store), the commands and queries of
// people (Service), and the messages between the workflow and its activities. It reads no source itself, and
// does not know Temporal.
package sweep
