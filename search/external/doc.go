// Package external keeps the documents that other systems push, so that they are found: the pages of a wiki, say. The sources are
// those of the configuration. A push is a batch of documents, all or none of which are stored; an older version never replaces a newer
// one. Who may find a document is a condition of the statement that finds it.
package external
