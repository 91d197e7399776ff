// Package processing turns the documents that sources emit into served entities. It has three parts. The
// pipeline turns one document into an entity with its relations and children. The state is the database's
// record of every discovered entity. The engine claims due entities, runs them through the pipeline, writes
// the results in batches, stitches what changed and removes orphans. Any number of processes may run an
// engine on one database.
//
// Package entity defines what an entity is and which are valid. Package catalog checks permissions.
package processing
