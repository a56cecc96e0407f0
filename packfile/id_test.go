package packfile

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/artifortress/afs-engine/backends"
)

func TestIDTextFormIsHex(t *testing.T) {
	id := ID{0: 0xAB, 31: 0x01}
	s := "ab" + strings.Repeat("00", 30) + "01"
	if id.String() != s {
		t.Fatalf("String = %s", id)
	}
	if got, err := ParseID(s); err != nil || got != id {
		t.Fatalf("ParseID = %v, %v", got, err)
	}
	j, err := json.Marshal(map[string]ID{"id": id})
	if err != nil || string(j) != `{"id":"`+s+`"}` {
		t.Fatalf("JSON = %s, %v", j, err)
	}
	var back map[string]ID
	if err := json.Unmarshal(j, &back); err != nil || back["id"] != id {
		t.Fatalf("from JSON = %v, %v", back, err)
	}
	for _, bad := range []string{"", "ab", strings.ToUpper(s), s + "00", s[:63] + "g"} {
		if _, err := ParseID(bad); !errors.Is(err, ErrBadID) {
			t.Errorf("ParseID(%q) = %v, want ErrBadID", bad, err)
		}
	}
}

func TestKeyIsValidAndParsesBack(t *testing.T) {
	id := ID{0: 0xAB, 31: 0x01}
	key := Key(id)
	if want := "packs/ab/" + id.String(); key != want {
		t.Fatalf("Key = %s, want %s", key, want)
	}
	if err := backends.ValidateKey(key); err != nil {
		t.Fatal(err)
	}
	if got, err := ParseKey(key); err != nil || got != id {
		t.Fatalf("ParseKey = %v, %v", got, err)
	}
	for _, bad := range []string{"", id.String(), "packs/" + id.String(), "packs/ac/" + id.String(), "log/ab/" + id.String(), key + "/", "packs/ab/xyz"} {
		if _, err := ParseKey(bad); !errors.Is(err, ErrBadID) {
			t.Errorf("ParseKey(%q) = %v, want ErrBadID", bad, err)
		}
	}
}

func TestZeroIDNamesNothing(t *testing.T) {
	if !(ID{}).IsZero() || (ID{1}).IsZero() {
		t.Fatal("IsZero is wrong")
	}
}
