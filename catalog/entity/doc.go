// Package entity is the catalog's model: what an entity is, how it is written in YAML, which entities are
// valid, how they refer and relate to each other, and how they flatten into searchable rows. Its functions
// depend on their arguments only. Reading files, the network and the database is the work of package catalog.
//
// The rules and the wording of the errors are Backstage's (catalog-model 1.10, catalog-backend 4.0). So a
// catalog-info.yaml means the same in both, and users see the error messages that they know.
package entity
