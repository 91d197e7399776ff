package pagerduty_test

import (
	"os"
	"testing"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
)

func TestMain(m *testing.M) { os.Exit(actiontest.Main(m)) }
