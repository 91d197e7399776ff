//go:build !linux

package workspace

// spread is a hint that only Linux takes.
func spread(string) {}
