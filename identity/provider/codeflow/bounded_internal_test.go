package codeflow

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// endless is a provider that does not stop sending.
type endless struct{}

func (endless) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, maxResponse)), neverEnds{}))}, nil
}

type neverEnds struct{}

func (neverEnds) Read(into []byte) (int, error) { return len(into), nil }

func TestAnswersOfAProviderAreBounded(t *testing.T) {
	t.Parallel()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://id.example.com", nil)
	require.NoError(t, err)
	response, err := Client(endless{}).Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, response.Body.Close()) })
	_, err = io.ReadAll(response.Body)
	require.ErrorIs(t, err, errTooLarge)
}
