// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {Delayed} from "../../src/Delayed.sol";
import {EpochOracle} from "../../src/EpochOracle.sol";
import {IEpochOracle} from "../../src/interfaces/IEpochOracle.sol";
import {IERC7496} from "../../src/interfaces/IERC7496.sol";
import {LivingToken} from "../../src/LivingToken.sol";
import {Base, Vm} from "./Base.sol";

contract Receiver is IERC721Receiver {
    bytes4 private immutable _answer;
    bool private immutable _reverts;
    bytes public received;

    constructor(bytes4 answer, bool reverts) {
        _answer = answer;
        _reverts = reverts;
    }

    function onERC721Received(address operator, address from, uint256 tokenId, bytes calldata data)
        external
        returns (bytes4)
    {
        require(!_reverts, "receiver says no");
        received = abi.encode(operator, from, tokenId, data);
        return _answer;
    }
}

contract TokenTest is Base {
    bytes32 private constant METADATA_UPDATE = 0xf8e1a15aba9398e019f0b49df1a4fde98ee17ae345cb5f6b5e2c27f5033e8ce7;
    bytes32 private constant BATCH_METADATA_UPDATE = 0x6bd5c950a8d8df17f772f5af37cb3655737899cbf903264b9795592da439661c;
    bytes32 private constant TRAIT_UPDATED = 0x8386f3b08e49490d0c5a9d2c401c091f13b01a17d75ce4a2f0f8f923b410ff7d;

    bytes32 private constant TIER = keccak256("tier");
    bytes32 private constant STRENGTH = keccak256("strength");
    bytes32 private constant POINTS = keccak256("points");

    function setUp() public {
        setUpCollection(4, 3, 1 days);
    }

    // ERC-721, as OpenZeppelin tests it.

    function test_balancesAndOwners() public {
        assertEq(token.balanceOf(HOLDER), MINTED, "balance");
        assertTrue(token.ownerOf(1) == HOLDER, "owner");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0)));
        token.balanceOf(address(0));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, MINTED + 1));
        token.ownerOf(MINTED + 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 0));
        token.getApproved(0);
    }

    function testFuzz_transferByWhoMay(uint256 tokenId, uint8 who, address to) public {
        tokenId = 1 + tokenId % MINTED;
        vm.assume(to != address(0) && to != HOLDER);
        address operator = HOLDER;
        if (who % 3 == 1) {
            operator = STRANGER;
            vm.prank(HOLDER);
            token.approve(STRANGER, tokenId);
            assertTrue(token.getApproved(tokenId) == STRANGER, "approved");
        } else if (who % 3 == 2) {
            operator = STRANGER;
            vm.prank(HOLDER);
            token.setApprovalForAll(STRANGER, true);
            assertTrue(token.isApprovedForAll(HOLDER, STRANGER), "approved for all");
        }
        vm.prank(operator);
        token.transferFrom(HOLDER, to, tokenId);
        assertTrue(token.ownerOf(tokenId) == to, "owner");
        assertEq(token.balanceOf(to), 1, "balance");
        assertEq(token.balanceOf(HOLDER), MINTED - 1, "balance before");
        assertTrue(token.getApproved(tokenId) == address(0), "the approval is gone");
    }

    function testFuzz_transferByWhoMayNot(address operator, uint256 tokenId) public {
        vm.assume(operator != HOLDER && operator != address(0));
        tokenId = 1 + tokenId % MINTED;
        bytes memory reason =
            abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, operator, tokenId);
        vm.prank(operator);
        vm.expectRevert(reason);
        token.transferFrom(HOLDER, operator, tokenId);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidApprover.selector, operator));
        token.approve(operator, tokenId);
    }

    function test_transferOfWrongThings() public {
        vm.startPrank(HOLDER);
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, STRANGER, 1, HOLDER)
        );
        token.transferFrom(STRANGER, OWNER, 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        token.transferFrom(HOLDER, address(0), 1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        token.transferFrom(HOLDER, OWNER, 99);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOperator.selector, address(0)));
        token.setApprovalForAll(address(0), true);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        token.approve(OWNER, 99);
        // To oneself is a transfer like any other.
        token.transferFrom(HOLDER, HOLDER, 1);
        assertEq(token.balanceOf(HOLDER), MINTED, "balance");
    }

    function test_safeTransfers() public {
        Receiver good = new Receiver(IERC721Receiver.onERC721Received.selector, false);
        Receiver wrong = new Receiver(0xdeadbeef, false);
        Receiver angry = new Receiver(IERC721Receiver.onERC721Received.selector, true);
        vm.startPrank(HOLDER);
        token.safeTransferFrom(HOLDER, address(good), 1, "data");
        assertTrue(token.ownerOf(1) == address(good), "owner");
        bytes memory wanted = abi.encode(HOLDER, HOLDER, uint256(1), bytes("data"));
        assertTrue(keccak256(good.received()) == keccak256(wanted), "what the receiver heard");
        token.safeTransferFrom(HOLDER, STRANGER, 2);
        assertTrue(token.ownerOf(2) == STRANGER, "an account without code");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(wrong)));
        token.safeTransferFrom(HOLDER, address(wrong), 3);
        vm.expectRevert(bytes("receiver says no"));
        token.safeTransferFrom(HOLDER, address(angry), 3);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(token)));
        token.safeTransferFrom(HOLDER, address(token), 3);
    }

    function test_interfacesAndNames() public view {
        bytes4[7] memory spoken = [
            bytes4(0x01ffc9a7), 0x80ac58cd, 0x5b5e139f, 0x2a55205a, 0x49064906, 0xaf332f3e, 0xe8a3d485
        ];
        for (uint256 i = 0; i < spoken.length; ++i) {
            assertTrue(token.supportsInterface(spoken[i]), "a standard");
        }
        assertTrue(!token.supportsInterface(0xffffffff), "the invalid interface");
        assertTrue(!token.supportsInterface(0x780e9d63), "enumerable");
        assertTrue(type(IERC7496).interfaceId == 0xaf332f3e, "the id of ERC-7496");
        assertEq(token.name(), "Living", "name");
        assertEq(token.symbol(), "LIVE", "symbol");
        (address receiver, uint256 amount) = token.royaltyInfo(1, 10_000);
        assertTrue(receiver == OWNER && amount == 250, "royalty");
    }

    function testFuzz_royaltyIsAShareOfThePrice(uint256 tokenId, uint128 price) public view {
        (, uint256 amount) = token.royaltyInfo(tokenId, price);
        assertEq(amount, uint256(price) * 250 / 10_000, "royalty");
    }

    // ERC-4906.

    function test_4906_whenTheJsonChanges() public {
        vm.recordLogs();
        EpochOracle.Report memory report = postNext();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[0].topics[0], BATCH_METADATA_UPDATE, "announced");
        assertTrue(keccak256(logs[0].data) == keccak256(abi.encode(uint256(1), MINTED)), "the whole collection");
        // The same directory again: nothing changed, nothing is said.
        EpochOracle.Report memory again = nextReport();
        again.directory = report.directory;
        vm.recordLogs();
        post(again, 0xf);
        assertEq(announcements(), 0, "no change");
    }

    function test_4906_notOnMintTransferOrFreeze() public {
        postNext();
        vm.recordLogs();
        vm.prank(OWNER);
        token.mintBatch(HOLDER, 2);
        vm.startPrank(HOLDER);
        token.transferFrom(HOLDER, STRANGER, 1);
        token.freeze(2);
        token.optOut(3);
        token.unfreeze(2);
        token.optIn(3);
        assertEq(announcements(), 0, "the JSON stays the same");
        vm.stopPrank();
    }

    function test_4906_whenATokenThaws() public {
        postNext();
        vm.startPrank(HOLDER);
        token.freeze(2);
        token.optOut(3);
        vm.stopPrank();
        postNext();
        vm.startPrank(HOLDER);
        vm.recordLogs();
        token.unfreeze(2);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[0].topics[0], METADATA_UPDATE, "announced");
        assertTrue(keccak256(logs[0].data) == keccak256(abi.encode(uint256(2))), "which");
        vm.recordLogs();
        token.optIn(3);
        assertEq(announcements(), 1, "announced");
        vm.stopPrank();
    }

    function announcements() private returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == METADATA_UPDATE || logs[i].topics[0] == BATCH_METADATA_UPDATE) ++count;
        }
    }

    // ERC-7496.

    function test_7496_unknownKeysAndTokensRevert() public {
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, TIER));
        token.getTraitValue(1, TIER);
        setTraits();
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, bytes32(0)));
        token.getTraitValue(1, 0);
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, keccak256("other")));
        token.getTraitValue(1, keccak256("other"));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        token.getTraitValue(99, TIER);
        bytes32[] memory keys_ = new bytes32[](2);
        (keys_[0], keys_[1]) = (TIER, keccak256("other"));
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, keccak256("other")));
        token.getTraitValues(1, keys_);
    }

    function test_7496_knownButUnsetIsZero() public {
        setTraits();
        assertEq(token.getTraitValue(1, TIER), 0, "unset");
        assertEq(token.getTraitValue(1, POINTS), 0, "unset and hot");
    }

    function test_7496_updatesAreAnnounced() public {
        setTraits();
        (bytes32[] memory traits, bytes32[] memory proof) = accepted(1, 42, "Gold");
        vm.recordLogs();
        token.materialise(1, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 3);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 2, "one for each");
        assertEq(logs[0].topics[0], TRAIT_UPDATED, "the event");
        assertEq(logs[0].topics[1], STRENGTH, "the key");
        assertTrue(keccak256(logs[0].data) == keccak256(abi.encode(uint256(1), bytes32(uint256(42)))), "the value");
        bytes32[] memory keys_ = new bytes32[](2);
        (keys_[0], keys_[1]) = (TIER, STRENGTH);
        bytes32[] memory values = token.getTraitValues(1, keys_);
        assertEq(values[0], "Gold", "tier");
        assertEq(values[1], bytes32(uint256(42)), "strength");
        // An unchanged value is no update, and no error either.
        vm.recordLogs();
        token.materialise(1, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 3);
        assertEq(vm.getRecordedLogs().length, 0, "nothing changed");
    }

    function test_7496_hotUpdatesAreAnnounced() public {
        setTraits();
        EpochOracle.Report memory report = nextReport();
        bytes memory hot = abi.encodePacked(
            uint32(0), uint16(2), bytes32(uint256(1)), bytes32(uint256(2)), uint32(7), uint16(1), bytes32(uint256(3))
        );
        vm.recordLogs();
        postHot(report, hot);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[1].topics[0], keccak256("TraitUpdatedRange(bytes32,uint256,uint256)"), "the event");
        assertEq(logs[1].topics[1], POINTS, "the key");
        // From the first token; the tokens of the second run do not exist.
        assertTrue(keccak256(logs[1].data) == keccak256(abi.encode(uint256(1), uint256(15))), "the range");
        assertEq(logs.length, 3, "the directory, the range, the epoch");
        assertEq(token.hotTrait(7), 1, "the last of a slot");
        assertEq(token.getTraitValue(15, POINTS), bytes32(uint256(2)), "the next slot");
    }

    function test_7496_metadataURI() public {
        vm.recordLogs();
        setTraits();
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs[0].topics[0], keccak256("TraitMetadataURIUpdated()"), "announced");
        assertEq(token.getTraitMetadataURI(), "data:,traits", "uri");
        assertEq(token.traitKeys()[1], TIER, "keys");
    }

    function test_7496_nobodySetsATrait() public {
        setTraits();
        address[3] memory callers = [OWNER, HOLDER, address(oracle)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(LivingToken.TraitNotSettable.selector, TIER));
            token.setTrait(1, TIER, "x");
        }
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, keccak256("other")));
        token.setTrait(1, keccak256("other"), "x");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        token.setTrait(99, TIER, "x");
    }

    function test_traitKeysAreChecked() public {
        bytes32[] memory twice = new bytes32[](2);
        (twice[0], twice[1]) = (TIER, TIER);
        vm.startPrank(OWNER);
        vm.expectRevert(LivingToken.TraitKeysInvalid.selector);
        token.setTraits(twice, 0, "");
        twice[1] = POINTS;
        vm.expectRevert(LivingToken.TraitKeysInvalid.selector);
        token.setTraits(twice, POINTS, "");
        vm.expectRevert(LivingToken.TraitKeysInvalid.selector);
        token.setTraits(new bytes32[](257), 0, "");
        vm.stopPrank();
    }

    function test_traitKeysChangeAfterTheDelay() public {
        setTraits();
        (bytes32[] memory traits, bytes32[] memory proof) = accepted(1, 42, "Gold");
        token.materialise(1, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 3);
        bytes32[] memory keys_ = new bytes32[](2);
        // The first trait is no longer on chain.
        keys_[1] = TIER;
        bytes memory call = abi.encodeCall(LivingToken.setTraits, (keys_, POINTS, "data:,other"));
        vm.startPrank(OWNER);
        vm.expectRevert(Delayed.NotProposed.selector);
        token.setTraits(keys_, POINTS, "data:,other");
        token.propose(call);
        vm.warp(block.timestamp + 1 days);
        token.setTraits(keys_, POINTS, "data:,other");
        vm.stopPrank();
        assertEq(token.getTraitValue(1, TIER), "Gold", "stays");
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, STRENGTH));
        token.getTraitValue(1, STRENGTH);
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitDoesNotExist.selector, bytes32(0)));
        token.materialise(1, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 1);
    }

    // Proofs.

    function testFuzz_onlyWhatTheRootSaysIsProven(uint256 tokenId, uint64 sequence, bytes32 wrong, uint8 place) public {
        bytes32[] memory traits = new bytes32[](3);
        (traits[0], traits[1], traits[2]) = (keccak256("a"), keccak256("b"), keccak256("c"));
        bytes32[] memory proof = new bytes32[](5);
        for (uint256 i = 0; i < 5; ++i) {
            proof[i] = keccak256(abi.encode("sibling", i));
        }
        bytes32 leaf =
            keccak256(bytes.concat(keccak256(abi.encode(tokenId, sequence, bytes32("m"), bytes32("r"), traits))));
        postRoot(climb(leaf, proof));
        assertTrue(token.verifyTraits(tokenId, sequence, "m", "r", traits, proof), "proven");
        uint256 which = place % 9;
        if (which < 3) {
            vm.assume(wrong != traits[which]);
            traits[which] = wrong;
        } else if (which < 8) {
            vm.assume(wrong != proof[which - 3]);
            proof[which - 3] = wrong;
        } else {
            vm.assume(uint64(uint256(wrong)) != sequence);
            sequence = uint64(uint256(wrong));
        }
        assertTrue(!token.verifyTraits(tokenId, sequence, "m", "r", traits, proof), "not proven");
        vm.expectRevert(LivingToken.ProofInvalid.selector);
        token.materialise(tokenId, sequence, "m", "r", traits, proof, 7);
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_severalTokensAtOnce(uint256 seed) public {
        setTraits();
        LivingToken.Leaf[] memory leaves = new LivingToken.Leaf[](4);
        bytes32[] memory hashes = new bytes32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            leaves[i].tokenId = i + 1;
            leaves[i].sequence = uint64(seed >> i);
            leaves[i].traits = new bytes32[](2);
            leaves[i].traits[0] = keccak256(abi.encode(seed, i));
            leaves[i].traits[1] = bytes32(i);
            hashes[i] = keccak256(bytes.concat(keccak256(encode(leaves[i]))));
        }
        // A tree of four: (0 1) (2 3). Prove 0, 2 and 3 with 1 as the only sibling.
        bytes32 right = pair(hashes[2], hashes[3]);
        postRoot(pair(pair(hashes[0], hashes[1]), right));
        LivingToken.Leaf[] memory three = new LivingToken.Leaf[](3);
        (three[0], three[1], three[2]) = (leaves[2], leaves[3], leaves[0]);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = hashes[1];
        bool[] memory flags = new bool[](3);
        (flags[0], flags[2]) = (true, true);
        assertTrue(token.verifyTraitsBatch(three, proof, flags), "proven");
        token.materialiseBatch(three, proof, flags, 1);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(token.getTraitValue(three[i].tokenId, STRENGTH), three[i].traits[0], "copied");
        }
        assertEq(token.getTraitValue(2, STRENGTH), 0, "not asked for");
        three[1].sequence ^= 1;
        assertTrue(!token.verifyTraitsBatch(three, proof, flags), "not proven");
        vm.expectRevert(LivingToken.ProofInvalid.selector);
        token.materialiseBatch(three, proof, flags, 1);
    }

    function test_nothingIsProvenBeforeTheFirstEpoch() public view {
        assertTrue(!token.verifyTraitsBatch(new LivingToken.Leaf[](0), new bytes32[](1), new bool[](0)), "nothing");
    }

    // Freezing and opting out.

    function testFuzz_aFrozenTokenStays(uint8 seed, bool out, uint8 epochs) public {
        setTraits();
        uint256 tokenId = 1 + seed % MINTED;
        (bytes32[] memory traits, bytes32[] memory proof) = accepted(tokenId, 42, "Gold");
        token.materialise(tokenId, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 3);
        postHot(nextReport(), allHot(5));
        string memory before = token.tokenURI(tokenId);
        vm.prank(HOLDER);
        out ? token.optOut(tokenId) : token.freeze(tokenId);
        for (uint256 i = 0; i < epochs % 4 + 1; ++i) {
            postHot(nextReport(), allHot(uint32(i + 6)));
        }
        (traits, proof) = accepted(tokenId, 43, "Platinum");
        vm.expectRevert(abi.encodeWithSelector(LivingToken.TokenHeld.selector, tokenId));
        token.materialise(tokenId, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 3);
        // A sale changes nothing of it, and the buyer decides from then on.
        vm.prank(HOLDER);
        token.transferFrom(HOLDER, STRANGER, tokenId);
        assertEq(token.tokenURI(tokenId), before, "uri");
        assertEq(token.getTraitValue(tokenId, TIER), "Gold", "tier");
        assertEq(token.hotTrait(tokenId), 5, "hot");
        uint256 other = tokenId == 1 ? 2 : tokenId - 1;
        assertTrue(token.hotTrait(other) != 5, "its neighbour goes on");
        assertTrue(token.isHeld(tokenId) && !token.isHeld(other), "held");
        vm.prank(HOLDER);
        vm.expectRevert(abi.encodeWithSelector(LivingToken.CallerNotHolder.selector, HOLDER));
        out ? token.optIn(tokenId) : token.unfreeze(tokenId);
        vm.prank(STRANGER);
        out ? token.optIn(tokenId) : token.unfreeze(tokenId);
        assertTrue(keccak256(bytes(token.tokenURI(tokenId))) != keccak256(bytes(before)), "it lives again");
        token.materialise(tokenId, 7, keccak256("metadata"), keccak256("receipt"), traits, proof, 3);
        assertEq(token.getTraitValue(tokenId, TIER), "Platinum", "tier");
    }

    function test_statesOfAToken() public {
        postNext();
        vm.startPrank(HOLDER);
        bytes memory nothing = abi.encodeWithSelector(LivingToken.NothingToChange.selector, 1);
        vm.expectRevert(nothing);
        token.unfreeze(1);
        vm.expectRevert(nothing);
        token.optIn(1);
        token.freeze(1);
        vm.expectRevert(nothing);
        token.freeze(1);
        string memory frozen = token.tokenURI(1);
        vm.stopPrank();
        postNext();
        vm.startPrank(HOLDER);
        // Who opts out of a frozen token keeps it as it was frozen.
        token.optOut(1);
        assertEq(token.tokenURI(1), frozen, "uri");
        assertTrue(token.isOptedOut(1), "out");
        vm.expectRevert(nothing);
        token.optOut(1);
        vm.expectRevert(nothing);
        token.unfreeze(1);
        token.optIn(1);
        assertTrue(!token.isOptedOut(1) && !token.isHeld(1), "lives");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        token.freeze(99);
        vm.stopPrank();
    }

    function test_frozenBeforeTheFirstEpoch() public {
        vm.prank(HOLDER);
        token.optOut(1);
        postNext();
        assertEq(token.tokenURI(1), "", "nothing, as before");
        assertTrue(bytes(token.tokenURI(2)).length > 0, "the others live");
    }

    function testFuzz_onlyTheHolder(address caller) public {
        vm.assume(caller != HOLDER);
        postNext();
        bytes memory reason = abi.encodeWithSelector(LivingToken.CallerNotHolder.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(reason);
        token.freeze(1);
        vm.expectRevert(reason);
        token.optOut(1);
        vm.stopPrank();
        vm.startPrank(HOLDER);
        token.freeze(1);
        token.optOut(2);
        token.setApprovalForAll(caller == address(0) ? STRANGER : caller, true);
        vm.stopPrank();
        // Not even who may move it.
        vm.startPrank(caller);
        vm.expectRevert(reason);
        token.unfreeze(1);
        vm.expectRevert(reason);
        token.optIn(2);
        vm.stopPrank();
    }

    // The delay.

    function test_anotherOracleWaits() public {
        EpochOracle heir = deployOracle(config(2, 3));
        bytes memory call = abi.encodeCall(LivingToken.setOracle, (IEpochOracle(address(heir))));
        vm.startPrank(OWNER);
        vm.expectRevert(Delayed.NotProposed.selector);
        token.setOracle(IEpochOracle(address(heir)));
        token.propose(call);
        uint256 ready = block.timestamp + 1 days;
        vm.expectRevert(abi.encodeWithSelector(Delayed.NotReady.selector, ready, block.timestamp));
        token.setOracle(IEpochOracle(address(heir)));
        vm.warp(ready);
        token.setOracle(IEpochOracle(address(heir)));
        assertTrue(address(token.oracle()) == address(heir), "set");
        vm.expectRevert(Delayed.NotProposed.selector);
        token.setOracle(IEpochOracle(address(heir)));
        vm.stopPrank();
        oracle = heir;
        postNext();
    }

    function test_aProposalExpires() public {
        EpochOracle heir = deployOracle(config(2, 3));
        vm.startPrank(OWNER);
        token.propose(abi.encodeCall(LivingToken.setOracle, (IEpochOracle(address(heir)))));
        uint256 end = block.timestamp + 1 days + token.GRACE();
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(Delayed.ProposalExpired.selector, end, end + 1));
        token.setOracle(IEpochOracle(address(heir)));
        vm.warp(end);
        token.setOracle(IEpochOracle(address(heir)));
        vm.stopPrank();
    }

    function test_theGuardianVetoesAnOracleButNotAGuardian() public {
        EpochOracle heir = deployOracle(config(2, 3));
        bytes memory call = abi.encodeCall(LivingToken.setOracle, (IEpochOracle(address(heir))));
        vm.prank(OWNER);
        token.propose(call);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Delayed.CallerNotGuardian.selector, OWNER));
        token.veto(call);
        vm.prank(GUARDIAN);
        token.veto(call);
        vm.warp(block.timestamp + 2 days);
        vm.prank(OWNER);
        vm.expectRevert(Delayed.NotProposed.selector);
        token.setOracle(IEpochOracle(address(heir)));

        call = abi.encodeCall(Delayed.setGuardian, (STRANGER));
        vm.prank(OWNER);
        token.propose(call);
        vm.prank(GUARDIAN);
        vm.expectRevert(Delayed.NotVetoable.selector);
        token.veto(call);
        vm.warp(block.timestamp + 1 days);
        vm.prank(OWNER);
        token.setGuardian(STRANGER);
        assertTrue(token.guardian() == STRANGER, "guardian");
    }

    function test_onlyAnOracleOfThisTokenAndTheNextCount() public {
        LivingToken mine = token;
        token = deployToken(0);
        EpochOracle foreign = deployOracle(config(2, 3));
        token = mine;
        EpochOracle[2] memory wrong = [foreign, deployOracle(config(3, 3))];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.startPrank(OWNER);
            token.propose(abi.encodeCall(LivingToken.setOracle, (IEpochOracle(address(wrong[i])))));
            // A number of its own, as the optimizer holds `block.timestamp` for something that never changes.
            vm.warp(1_000_000 + (i + 1) * 1 days);
            vm.expectRevert(abi.encodeWithSelector(LivingToken.OracleInvalid.selector, address(wrong[i])));
            token.setOracle(IEpochOracle(address(wrong[i])));
            vm.stopPrank();
        }
    }

    function test_theGuardianPauses() public {
        vm.prank(GUARDIAN);
        token.pause();
        EpochOracle.Report memory report = nextReport();
        bytes memory all = signatures(oracle.reportDigest(report), 0xf);
        vm.expectRevert(LivingToken.PostingPaused.selector);
        oracle.postCommittee(report, 0xf, all);
        // What holders may do is not stopped.
        vm.startPrank(HOLDER);
        token.freeze(1);
        token.transferFrom(HOLDER, STRANGER, 2);
        vm.stopPrank();
        vm.prank(GUARDIAN);
        token.unpause();
        oracle.postCommittee(report, 0xf, all);
    }

    // Hot traits.

    function test_cutOffHotTraitsAreRefused() public {
        setTraits();
        bytes[4] memory wrong = [
            bytes(hex"00000000"),
            hex"000000000000",
            abi.encodePacked(uint32(0), uint16(2), bytes32(uint256(1))),
            abi.encodePacked(uint32(0), uint16(1), bytes32(uint256(1)), uint8(0))
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            EpochOracle.Report memory report = nextReport();
            bytes memory all = signatures(oracle.hotReportDigest(report, keccak256(wrong[i])), 0xf);
            vm.expectRevert(LivingToken.HotMalformed.selector);
            oracle.postCommitteeHot(report, wrong[i], 0xf, all);
        }
    }

    function test_noHotTraitsWithoutAKey() public {
        EpochOracle.Report memory report = nextReport();
        bytes memory hot = allHot(1);
        bytes memory all = signatures(oracle.hotReportDigest(report, keccak256(hot)), 0xf);
        vm.expectRevert(LivingToken.NoHotTrait.selector);
        oracle.postCommitteeHot(report, hot, 0xf, all);
    }

    function testFuzz_hotTraitsAreThoseOfTheRun(uint32 first, uint8 count, uint256 seed) public {
        setTraits();
        first = first % 1000;
        count = 1 + count % 70;
        bytes memory hot = abi.encodePacked(first, uint16(count));
        for (uint256 i = 0; i < count; ++i) {
            hot = bytes.concat(hot, keccak256(abi.encode(seed, i)));
        }
        postHot(nextReport(), hot);
        for (uint256 i = 0; i < count; ++i) {
            for (uint256 lane = 0; lane < 8; ++lane) {
                uint256 wanted = uint32(uint256(keccak256(abi.encode(seed, i))) >> (224 - 32 * lane));
                assertEq(token.hotTrait((uint256(first) + i) * 8 + lane), wanted, "lane");
            }
        }
    }

    // Gas.

    /// What reading costs a contract: at most 17,500 at a million tokens.
    function test_gasOfVerifyTraits() public {
        bytes32[] memory traits = new bytes32[](7);
        for (uint256 i = 0; i < 7; ++i) {
            traits[i] = bytes32(i + 50);
        }
        string memory snapshot = vm.readFile("test/forge/gas.json");
        uint8[2] memory depths = [14, 20];
        string[2] memory names = [".verifyTraits10000", ".verifyTraits1000000"];
        for (uint256 i = 0; i < 2; ++i) {
            bytes32[] memory proof = new bytes32[](depths[i]);
            for (uint256 j = 0; j < depths[i]; ++j) {
                proof[j] = keccak256(abi.encode(j));
            }
            bytes32 leaf = keccak256(
                bytes.concat(keccak256(abi.encode(uint256(1), uint64(7), bytes32("m"), bytes32("r"), traits)))
            );
            postRoot(climb(leaf, proof));
            uint256 gas = this.gasOf(abi.encodeCall(LivingToken.verifyTraits, (1, 7, "m", "r", traits, proof)));
            assertTrue(gas <= 17_500, "more than 17,500 gas");
            assertEq(gas, vm.parseJsonUint(snapshot, names[i]), string.concat(names[i], " is not as in gas.json: ", decimal(gas)));
        }
    }

    /// The account is warm within one transaction of a test, and cold in a real one: 2,500 more. So is the slot
    /// of the root: 2,000 more.
    function gasOf(bytes calldata call) external view returns (uint256) {
        address to = address(token);
        bytes memory data = call;
        uint256 before;
        uint256 afterwards;
        bool success;
        assembly ("memory-safe") {
            before := gas()
            success := staticcall(gas(), to, add(data, 32), mload(data), 0, 32)
            afterwards := gas()
            success := and(success, mload(0))
        }
        require(success, "not proven");
        return before - afterwards + 4500;
    }

    // Helpers.

    function setTraits() private {
        bytes32[] memory keys_ = new bytes32[](2);
        (keys_[0], keys_[1]) = (STRENGTH, TIER);
        vm.prank(OWNER);
        token.setTraits(keys_, POINTS, "data:,traits");
    }

    /// @dev Posts a root that says this of a token, beside one other leaf.
    function accepted(uint256 tokenId, uint256 strength, bytes32 tier)
        private
        returns (bytes32[] memory traits, bytes32[] memory proof)
    {
        traits = new bytes32[](2);
        (traits[0], traits[1]) = (bytes32(strength), tier);
        proof = new bytes32[](1);
        proof[0] = keccak256("sibling");
        bytes memory text = abi.encode(tokenId, uint64(7), keccak256("metadata"), keccak256("receipt"), traits);
        postRoot(pair(keccak256(bytes.concat(keccak256(text))), proof[0]));
    }

    function encode(LivingToken.Leaf memory leaf) private pure returns (bytes memory) {
        return abi.encode(leaf.tokenId, leaf.sequence, leaf.metadata, leaf.receipt, leaf.traits);
    }

    function climb(bytes32 node, bytes32[] memory proof) private pure returns (bytes32) {
        for (uint256 i = 0; i < proof.length; ++i) {
            node = pair(node, proof[i]);
        }
        return node;
    }

    function pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function postRoot(bytes32 root) private {
        EpochOracle.Report memory report = nextReport();
        report.stateRoot = root;
        post(report, 0xf);
    }

    function postHot(EpochOracle.Report memory report, bytes memory hot) private {
        bytes memory all = signatures(oracle.hotReportDigest(report, keccak256(hot)), 0xf);
        oracle.postCommitteeHot(report, hot, 0xf, all);
    }

    /// @dev The same value for the tokens up to 23.
    function allHot(uint32 value) private pure returns (bytes memory) {
        uint256 word;
        for (uint256 i = 0; i < 8; ++i) {
            word = word << 32 | value;
        }
        return abi.encodePacked(uint32(0), uint16(3), word, word, word);
    }

    function decimal(uint256 number) private pure returns (string memory text) {
        for (; number != 0; number /= 10) {
            text = string.concat(string(abi.encodePacked(bytes1(uint8(48 + number % 10)))), text);
        }
    }
}
