package plainjson_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/plainjson"
)

func TestMarshalWritesWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	encoded, err := plainjson.Marshal(map[string]any{"z": "<a> & \n", "a": 1.0})
	require.NoError(t, err)
	require.Equal(t, `{"a":1,"z":"<a> & \n"}`, string(encoded)) //nolint:testifylint // to the byte
	_, err = plainjson.Marshal(make(chan int))
	require.Error(t, err)
}
