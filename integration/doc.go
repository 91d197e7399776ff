// Package integration reads from the configured source code hosts. It finds the host of a URL, resolves
// relative paths in a repository, parses repoUrls, and reads the files, trees and globs of a URL. Package
// catalog reads entities through it, and the fetch actions read skeletons.
//
// Host is an interface. Each forge implements it in a package of its own (github, gitlab, ...), and package
// forges lists them. This package has what the hosts share: deadlines, bounds, branches with slashes, globs,
// archives. A URL on any other host is read only when backend.reading.allow allows it, and so is each
// redirect. Writing to a host (creating a repository, pushing) is the work of the actions, which get their
// client from the forge's package.
package integration
