package fs_test

import (
	"testing"

	"github.com/portico-dev/portico/activities/fs"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
)

func TestActionsConform(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		"fs:delete":  `{"files":["deep","*.txt"]}`,
		"fs:rename":  `{"files":[{"from":"a.txt","to":"new/a.txt"},{"from":"WORKSPACE/deep/b.txt","to":"new/a.txt","overwrite":true}]}`,
		"fs:readdir": `{"paths":[".","WORKSPACE/deep"],"recursive":true}`,
	}
	for _, tested := range fs.Actions() {
		t.Run(tested.Describe().ID, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(testing.TB, *actiontest.Gate) actiontest.Fixture {
				files := map[string]string{"a.txt": "a", "c.md": "c", "deep/b.txt": "b"}
				return actiontest.Fixture{Action: tested, Input: inputs[tested.Describe().ID], Files: files}
			})
		})
	}
}
