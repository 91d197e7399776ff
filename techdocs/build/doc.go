// Package build keeps the documentation of the catalog's entities up to date: it finds where the documentation of an entity is,
// asks for builds, carries them out, and keeps a record of each. Package workflows runs them on Temporal, one of a site at a
// time; what counts is the record. A build that fails leaves the site as it was.
package build
