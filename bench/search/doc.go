// Package search measures the search among 250,000 entities and 100,000 sections of documentation in a real PostgreSQL. It has only
// benchmarks.
package search
