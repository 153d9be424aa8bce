// Tokens and key sets of strangers. Nobody who only guesses bytes gets in.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "token/token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    static const token::Keys keys = [] {
        token::Keys made;
        (void)made.add_secret("a secret that is not in the corpus, and long enough");
        (void)made.add_key_set(
            R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
        return made;
    }();
    if (std::holds_alternative<token::Claims>(token::verify(input, keys, {1e9, 0, {}, {}}))) {
        std::abort();
    }
    token::Keys of_set;
    (void)of_set.add_key_set(input);
    // Looking for keys of every kind is slow, and pointless where none begins.
    if (input.find("-----BEGIN ") != std::string_view::npos) {
        (void)of_set.add_pem(input);
    }
    return 0;
}
