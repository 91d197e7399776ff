// Package each measures what one iteration of a step with each costs, and how that grows with the number of
// iterations.
package each
