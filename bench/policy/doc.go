// Package policy measures what roles cost: a decision, the loading of roles, a list under a condition, and the
// start of a run. It contains only benchmarks.
package policy
