-- SPDX-License-Identifier: Apache-2.0

local picture = require "tracer.picture"

describe("a value in a picture", function()
  it("is text that a reader expects", function()
    assert.equal("5", picture.text_of(5))
    assert.equal("-0.5", picture.text_of(-0.5))
    assert.equal("9007199254740992", picture.text_of(2 ^ 53))
    assert.equal("18446744073709551615", picture.text_of(-1LL + 0ULL))
    assert.equal("-3", picture.text_of(-3LL))
    assert.equal("-", picture.text_of(nil))
    assert.equal("true", picture.text_of(true))
  end)

  it("is JSON", function()
    assert.equal("null", picture.json_of(nil))
    assert.equal('"a\\n"', picture.json_of("a\n"))
    assert.equal('"\\u00ff"', picture.json_of("\255", true))
    assert.equal("1.5", picture.json_of(1.5))
    assert.equal("false", picture.json_of(false))
  end)

  it("is a number, for alignment, also with 64 bits", function()
    assert.is_true(picture.is_number(1))
    assert.is_true(picture.is_number(1ULL))
    assert.is_false(picture.is_number("1"))
    assert.is_false(picture.is_number(nil))
  end)

  it("is foreign if it is no UTF-8", function()
    assert.is_true(picture.is_foreign("\255"))
    assert.is_false(picture.is_foreign("é"))
    assert.is_false(picture.is_foreign(5))
  end)
end)
