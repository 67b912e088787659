// Usage: client URL BODY
//
// Posts BODY to URL with Go's own client and prints one JSON line: status, why it was blocked, or the error. Built without cgo, so
// that it is static; its trust is what SSL_CERT_FILE names.
package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	told := map[string]any{}
	client := http.Client{Timeout: 30 * time.Second}
	answer, err := client.Post(os.Args[1], "application/json", strings.NewReader(os.Args[2]))
	if err != nil {
		told["error"] = err.Error()
	} else {
		told["status"] = answer.StatusCode
		if blocked := answer.Header.Get("x-pipelock-blocked"); blocked != "" {
			told["blocked"] = blocked
		}
		answer.Body.Close()
	}
	json.NewEncoder(os.Stdout).Encode(told)
}
