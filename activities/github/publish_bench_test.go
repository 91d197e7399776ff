package github_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPublishThousandFiles is one publish:github of 1,000 files in 20 directories, requests and push
// included.
func BenchmarkPublishThousandFiles(b *testing.B) {
	bundle := setup(b)
	for i := range 1_000 {
		bundle.write(b, fmt.Sprintf("d%d/f%d.txt", i%20, i), strings.Repeat(fmt.Sprintf("line of file %d\n", i), 40))
	}
	for i := 0; b.Loop(); i++ {
		call := bundle.call(b, values{"repoUrl": fmt.Sprintf("%s?owner=demo&repo=shop-%d", bundle.forge.Host, i)})
		_, err := bundle.action.Run(b.Context(), call)
		require.NoError(b, err)
	}
}

// BenchmarkProposeThousandFiles is one publish:github:pull-request of the same files.
func BenchmarkProposeThousandFiles(b *testing.B) {
	bundle := setupPull(b)
	for i := range 1_000 {
		bundle.write(b, fmt.Sprintf("d%d/f%d.txt", i%20, i), strings.Repeat(fmt.Sprintf("line of file %d\n", i), 40))
	}
	for i := 0; b.Loop(); i++ {
		_, err := bundle.propose(b, values{"branchName": fmt.Sprintf("add-%d", i)})
		require.NoError(b, err)
	}
}
