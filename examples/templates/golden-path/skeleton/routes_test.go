package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRoutes(t *testing.T) {
	t.Parallel()

	tests := map[string]int{
		"/":        http.StatusOK,
		"/healthz": http.StatusOK,
		"/nowhere": http.StatusNotFound,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			recorder := httptest.NewRecorder()
			routes().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
			if got := recorder.Code; got != want {
				t.Errorf("GET %s answered %d, want %d", path, got, want)
			}
		})
	}
}
