package fetch_test

import (
	"os"
	"testing"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
)

func TestMain(m *testing.M) {
	// The templates of these tests are local files, which are read from nowhere below /dev.
	if err := os.Unsetenv("PORTICO_TEST_DATA"); err != nil {
		panic(err)
	}
	os.Exit(actiontest.Main(m))
}
