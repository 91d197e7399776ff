// Package integration knows the source code hosts that Portico is configured for, and reads from them: which host is of
// which type, how a relative path resolves in a repository, what a repoUrl names, and the files, trees and globs behind
// a URL. Package catalog reads entities through it and the fetch actions read skeletons.
//
// Only GitHub's files are read through its API, github.com's and that of GitHub Enterprise hosts; other types of host
// are known by name. Any other URL is read only when backend.reading.allow names it, and so is each redirect. Writing
// to a host (creating a repository, pushing) is the business of the actions; they take their client from here.
package integration
