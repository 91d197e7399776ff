//go:build !linux

package workspace

// spread does nothing: only Linux has this hint.
func spread(string) {}
