// Package entity is the catalog's model: what an entity is, how it is written in YAML, which entities are
// valid, how they refer and relate to each other, and how they flatten into rows that can be searched.
// Everything here is a function of its arguments: nothing reads a file, a network or a database, which is the
// business of package catalog.
//
// The rules and the wording of the errors are Backstage's (catalog-model 1.10, catalog-backend 4.0), so that
// a catalog-info.yaml means the same and a client that shows an error shows the one its users know.
package entity
