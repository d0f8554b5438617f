// JSON (RFC 8259) as values. What is not there is a value too, of the kind `absent`, so that a path into an answer is
// followed without a question at each step: answer["user"]["keys"].
#pragma once

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evidenced {

class json {
public:
    enum class kind { absent, null, boolean, number, string, array, object };
    using member = std::pair<std::string, json>;

    json() = default;
    // A value that is not JSON, or is deeper than 64 levels, is nothing.
    static std::optional<json> parse(std::string_view text) {
        reader from{text};
        json value;
        if (!from.value(value, 1) || from.at != text.size()) return std::nullopt;
        return value;
    }

    kind is() const { return kind_; }
    explicit operator bool() const { return kind_ != kind::absent; }
    bool is_null() const { return kind_ == kind::null; }
    bool is_string() const { return kind_ == kind::string; }
    bool is_array() const { return kind_ == kind::array; }
    bool is_object() const { return kind_ == kind::object; }

    // The member of an object; absent when there is none. Of two with one name the last counts.
    const json& operator[](std::string_view name) const {
        for (auto at = members_.rbegin(); at != members_.rend(); ++at)
            if (at->first == name) return at->second;
        return nothing();
    }
    const std::vector<json>& items() const { return items_; }
    const std::vector<member>& members() const { return members_; }

    // NaN when it is no number, so that a measurement of it becomes an error.
    double number() const { return number_or(NAN); }
    double number_or(double otherwise) const {
        return kind_ == kind::number ? std::strtod(text_.c_str(), nullptr) : otherwise;
    }
    bool boolean_or(bool otherwise) const { return kind_ == kind::boolean ? text_ == "true" : otherwise; }
    // Empty when it is no string.
    const std::string& text() const { return kind_ == kind::string ? text_ : nothing().text_; }

    // The value as JSON text. Numbers stand as they were read.
    std::string dump() const {
        switch (kind_) {
        case kind::absent:
        case kind::null: return "null";
        case kind::boolean:
        case kind::number: return text_;
        case kind::string: return quoted(text_);
        case kind::array: {
            std::string out = "[";
            for (const json& item : items_) out += (out.size() > 1 ? "," : "") + item.dump();
            return out + "]";
        }
        case kind::object: {
            std::string out = "{";
            for (const auto& [name, value] : members_)
                out += (out.size() > 1 ? "," : "") + quoted(name) + ":" + value.dump();
            return out + "}";
        }
        }
        return "null";
    }

    static std::string quoted(std::string_view text) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string out = "\"";
        for (char c : text) {
            if (c == '"' || c == '\\') (out += '\\') += c;
            else if (c == '\n') out += "\\n";
            else if (static_cast<unsigned char>(c) < 0x20) ((out += "\\u00") += digits[c >> 4 & 1]) += digits[c & 15];
            else out += c;
        }
        return out + "\"";
    }

    // The shortest digits that mean exactly this number, with an exponent only where there would be very many.
    static std::string of_number(double number) {
        char digits[64];
        double size = std::fabs(number);
        auto form = size == 0 || (size >= 1e-6 && size < 1e15) ? std::chars_format::fixed : std::chars_format::general;
        return {digits, std::to_chars(digits, digits + sizeof digits, number, form).ptr};
    }

private:
    static const json& nothing() {
        static const json value;
        return value;
    }

    struct reader {
        std::string_view text;
        std::size_t at = 0;

        char next() const { return at < text.size() ? text[at] : '\0'; }
        bool take(std::string_view word) {
            if (!text.substr(at).starts_with(word)) return false;
            at += word.size();
            return true;
        }
        void space() {
            while (at < text.size() && std::string_view(" \t\r\n").contains(text[at])) at++;
        }
        bool digits() {
            std::size_t from = at;
            while (next() >= '0' && next() <= '9') at++;
            return at > from;
        }

        bool value(json& to, int depth) {
            space();
            if (depth > 64) return false;
            bool good = false;
            std::size_t from = at;
            switch (next()) {
            case '{': at++, to.kind_ = kind::object, good = list(to, '}', depth); break;
            case '[': at++, to.kind_ = kind::array, good = list(to, ']', depth); break;
            case '"': to.kind_ = kind::string, good = string(to.text_); break;
            case 't': to.kind_ = kind::boolean, to.text_ = "true", good = take("true"); break;
            case 'f': to.kind_ = kind::boolean, to.text_ = "false", good = take("false"); break;
            case 'n': to.kind_ = kind::null, good = take("null"); break;
            default: to.kind_ = kind::number, good = number(), to.text_ = text.substr(from, at - from);
            }
            space();
            return good;
        }

        bool list(json& to, char close, int depth) {
            space();
            if (take({&close, 1})) return true;
            do {
                std::string name;
                if (close == '}' && (space(), !string(name))) return false;
                if (close == '}' && (space(), !take(":"))) return false;
                json item;
                if (!value(item, depth + 1)) return false;
                if (close == '}') to.members_.emplace_back(std::move(name), std::move(item));
                else to.items_.push_back(std::move(item));
            } while (take(","));
            return take({&close, 1});
        }

        bool number() {
            take("-");
            bool zero = next() == '0';
            std::size_t from = at;
            if (!digits() || (zero && at > from + 1)) return false;
            if (take(".") && !digits()) return false;
            if (take("e") || take("E")) {
                if (!take("-")) take("+");
                return digits();
            }
            return true;
        }

        bool string(std::string& to) {
            if (!take("\"")) return false;
            while (at < text.size()) {
                char c = text[at++];
                if (c == '"') return true;
                if (static_cast<unsigned char>(c) < 0x20) return false;
                if (c != '\\') to += c;
                else if (!escape(to)) return false;
            }
            return false;
        }

        bool escape(std::string& to) {
            static constexpr std::string_view names = "\"\\/bfnrt", plain = "\"\\/\b\f\n\r\t";
            char c = next();
            at++;
            if (auto found = names.find(c); found != names.npos) return to += plain[found], true;
            unsigned code = 0, low = 0;
            if (c != 'u' || !hex(code) || (code >= 0xdc00 && code < 0xe000)) return false;
            if (code >= 0xd800 && code < 0xdc00) {
                if (!take("\\u") || !hex(low) || low < 0xdc00 || low >= 0xe000) return false;
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
            utf8(to, code);
            return true;
        }

        bool hex(unsigned& code) {
            auto digits = text.substr(at, 4);
            auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
            at += 4;
            return fault == std::errc() && digits.size() == 4 && end == digits.data() + 4;
        }

        static void utf8(std::string& to, unsigned code) {
            auto byte = [&](unsigned value) { to += static_cast<char>(value); };
            if (code < 0x80) return byte(code);
            if (code < 0x800) byte(0xc0 | code >> 6);
            else if (code < 0x10000) byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f));
            else byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 0x3f)), byte(0x80 | (code >> 6 & 0x3f));
            byte(0x80 | (code & 0x3f));
        }
    };

    kind kind_ = kind::absent;
    std::string text_;             // of a string, a number as it was read, `true` or `false`
    std::vector<json> items_;
    std::vector<member> members_;
};

}  // namespace evidenced
