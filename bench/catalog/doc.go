// Package catalog measures the catalog's routes on a catalog of 100,000 entities in a real PostgreSQL. It has
// only a benchmark.
package catalog
