//! Says what the program is made of besides its code: kits and templates are embedded (`src/author/sdk.rs`), and a
//! new file of them is to be seen.

fn main() {
    println!("cargo:rerun-if-changed=../plugin-sdk");
}
