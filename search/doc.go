// Package search finds entities, sections of documentation, operations of APIs, runs and actions. It has one index in PostgreSQL, the
// table search_documents, which is written when its sources change: what changes an entity notes that in the same transaction, and
// the Indexer works the notes off within a second; who publishes documentation calls ReplaceDocs. Service answers queries with
// what the caller may read: the grant is part of each statement. The package knows neither HTTP nor where documentation is stored.
package search
