// Package integration reads from the source code hosts that Portico is configured for: which host a URL is
// on, how a relative path resolves in a repository, what a repoUrl names, and the files, trees and globs
// behind a URL. Package catalog reads entities through it and the fetch actions read skeletons.
//
// A host is an interface, and each forge implements it in a package of its own (github, gitlab); package
// forges lists them. What hosts have in common is here: deadlines, bounds, branches with slashes, globs,
// archives. Any URL of no such host is read only when backend.reading.allow names it, and so is each
// redirect. Writing to a host (creating a repository, pushing) is the business of the actions; they take
// their client from the forge's package.
package integration
