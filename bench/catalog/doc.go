// Package catalog measures the catalog's routes on catalogs of up to 250,000 entities in a real PostgreSQL, and
// how fast catalogs are filled. It has only benchmarks.
package catalog
